"""Other tools' files, read into runs that can be compared: one file a tool."""
