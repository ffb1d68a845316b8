"""Findings: sentences about results, each with its condition."""
