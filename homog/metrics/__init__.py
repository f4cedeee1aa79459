"""Measures of inherited and shared failure: numpy in, floats and small frozen dataclasses out.

Undefined is NaN, never 0 or 1. No input or output, no torch; scipy is imported where it is used.
"""
