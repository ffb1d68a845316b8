"""What `import privattack` offers to notebooks and programs: run, load and audit."""
