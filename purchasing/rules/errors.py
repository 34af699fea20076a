"""Bad input, said in a way a program and a person can both use."""


class RuleError(ValueError):
    """`code` is stable, `message` says what to do, `field` is where, e.g. `commitments[2].quantity`."""

    def __init__(self, code: str, message: str, field: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.field = code, message, field
