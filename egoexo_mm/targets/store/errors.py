"""Errors of the target store: each message is one sentence with file, expectation and remedy."""


class TargetStoreError(ValueError):
    """A target store, or something meant for one, is not as it should be."""


class MissingVideoError(TargetStoreError, KeyError):
    """The store holds no row for the video asked for."""

    def __str__(self) -> str:
        # KeyError prints the repr of its argument, which would quote and escape the sentence.
        return str(self.args[0]) if self.args else ''
