"""System calls that fail, kill the process or are overtaken, by a library that is loaded first."""
