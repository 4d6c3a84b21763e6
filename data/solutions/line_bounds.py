"""How long the lines of a dataset of steps are, and whether a space has such lines."""

from eqstream.data.errors import UserError
from eqstream.data.formats.text_encoder import TextEncoder
from eqstream.data.recipe import StepsRecipe
from eqstream.data.solutions.lines import check_solvable
from eqstream.data.space.prepared_space import PreparedSpace
from eqstream.data.space_recipe import SpaceRecipe

# Of lines, spaces left out; which of them a line has depends on no space.
LINE_CHARACTERS = "()*+-./0123456789"


def longest_text(line_length: int, space: SpaceRecipe) -> int:
    """Returns the most characters of a text of a line that has `line_length` without spaces.

    >>> from eqstream.data.space_recipe import Operands
    >>> longest_text(5, SpaceRecipe(operands=Operands(min=0, max=9)))
    9
    """
    # At least one character stands between two operators, and at both ends.
    return line_length + 2 * ((line_length - 1) // 2) * space.spacing


def check_steps(steps: StepsRecipe, space: PreparedSpace) -> None:
    """Checks that the equations of a space have worked solutions, and are lines themselves.

    Raises:
        UserError: they have none, or some have more characters than a line may have.
    """
    check_solvable(space)
    recipe = space.recipe
    longest = TextEncoder(space).max_question_length - 2 * (recipe.terms.max - 1) * recipe.spacing
    if longest > steps.line_length:
        raise UserError(
            f"equations have up to {longest} characters, and `steps.line_length` is {steps.line_length}: raise it"
        )
