"""Steps of solutions to the columns of `eqstream.data.formats.columns`."""

from eqstream.data.formats.column_encoder import ColumnEncoder, EncodedBlock
from eqstream.data.formats.columns import TEXT_COLUMNS
from eqstream.data.formats.text_pieces import TextPieces
from eqstream.data.recipe import StepsRecipe
from eqstream.data.solutions.line_bounds import LINE_CHARACTERS, longest_text
from eqstream.data.solutions.solving import Steps
from eqstream.data.space.equation_block import EquationBlock
from eqstream.data.space_recipe import SpaceRecipe


class StepEncoder:
    """Computes the columns of steps: texts are lines, numbers those of the equation that is solved.

    Args:
        columns: the encoder of the equations.
        steps: says how long lines are.
        space: of the equations.

    Attributes:
        most_characters: of each text column an upper bound.
        largest: of each column of numbers an upper bound.
    """

    def __init__(self, columns: ColumnEncoder, steps: StepsRecipe, space: SpaceRecipe) -> None:
        self._columns, self._pieces = columns, TextPieces(f" {LINE_CHARACTERS}")
        self.most_characters = dict.fromkeys(TEXT_COLUMNS, longest_text(steps.line_length, space))
        self.largest = columns.largest

    def encode(self, equations: EquationBlock, steps: Steps) -> EncodedBlock:
        """Returns the columns of n steps as the writers of shards take them.

        Args:
            equations: that of each step, n equations.
            steps: their texts.
        """
        texts = {"question": self._pieces.cut(steps.question), "answer": self._pieces.cut(steps.answer)}
        return EncodedBlock(texts, self._columns.numbers(equations))
