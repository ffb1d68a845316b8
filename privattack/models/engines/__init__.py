"""Where shadow models are trained: one file per engine. They meet in the store, whichever trains."""
