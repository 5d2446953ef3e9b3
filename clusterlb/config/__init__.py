"""Inventory files in, an Inventory or every problem out."""
