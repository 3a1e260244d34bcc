"""The tests. A package of its own, because a distribution among the clients installs one of the same name."""
