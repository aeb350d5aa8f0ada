"""What is wrong with the answers of one operation, told all at once."""

import model
from wire import JSON

# What any operation may answer, whether or not its list of errors has it.
COMMON = {"ValidationException", "SerializationException", "AccessDeniedException"}
SHOWN = 20


def refused(name, answer):
    """What is wrong with a refusal."""
    if answer.status >= 500:
        yield "a failure of the host"
    elif answer.status != 400:
        yield "an odd status"
    elif answer.code not in model.errors_of(name) | COMMON:
        yield f"{answer.code} is none of its errors"
    elif not answer.message:
        yield "no message"
    elif len(answer.headers.get("x-amzn-requestid", "")) != 36:
        yield "no request id"


def names(answer, path):
    """Whether a validation error is about this member; of an item that is a text, its list is named."""
    said = [model.spoken(path)]
    if isinstance(path[-1], int):
        said.append(model.spoken(path[:-1]))
    told = answer.message if answer.code == "ValidationException" else ""
    return any(f"'{name}'" in told for name in said)


class Findings:
    """Asks, and gathers."""

    def __init__(self, name, wire):
        self.name = name
        self.wire = wire
        self.found = []

    def ask(self, body, what, form=JSON):
        """An answer, whose refusal must at least be one of the model's."""
        answer = self.wire.call(self.name, body, form)
        wrong = list(refused(self.name, answer)) if answer.status != 200 else []
        self.found += [f"{what}: {complaint}: {answer}" for complaint in wrong]
        return answer

    def expect(self, held, what, answer):
        if not held:
            self.found.append(f"{what}: {answer}")

    def refusal(self, body, path, what):
        """Asks for what must be refused, in a validation error that names the member."""
        answer = self.ask(body, what)
        self.expect(answer.status != 200, f"{what} is taken", answer)
        if answer.status == 400:
            self.expect(names(answer, path), f"{what} is not what is told", answer)

    def judge(self):
        count, shown = len(self.found), "\n".join(self.found[:SHOWN])
        assert not self.found, f"{self.name}, {count} in all:\n{shown}"
