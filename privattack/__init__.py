"""Puts privacy claims about a model API to the test: model extraction and membership inference."""

__version__ = "0.1.0"
