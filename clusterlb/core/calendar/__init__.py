"""Dates: cron expressions, local times, and when maintenance windows open and close."""
