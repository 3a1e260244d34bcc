"""Programs to read and run. A package, because a client among the tests' installs one of the same name."""
