"""Configuration for the machines around a director."""
