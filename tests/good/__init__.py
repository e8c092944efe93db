"""Adapters in different styles that keep every contract; broken adapters derive from some of them."""
