"""A regular package, so that the tests of another installed project (MMAction2 has a ``tests`` too) do not take its name."""
