"""The operating system: files that appear whole, limits, the process, the terminal."""
