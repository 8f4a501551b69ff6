"""Joining the rooms into what each command does; one file a command."""
