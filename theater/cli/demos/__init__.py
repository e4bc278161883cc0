"""Demos: programs on the door only, as a user would write them."""
