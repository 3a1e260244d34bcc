"""The tests. A package, so that no installed distribution can put its own ``tests`` in front of it."""
