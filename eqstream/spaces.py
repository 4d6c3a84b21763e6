"""All equations of a recipe by their index, computed when they are asked for."""

import operator
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import SupportsIndex, overload

import numpy as np

from eqstream.data.arguments import check_text
from eqstream.data.formats.column_encoder import ColumnEncoder
from eqstream.data.permutation import index_dtype
from eqstream.data.recipe import Recipe
from eqstream.data.reference import parsing
from eqstream.data.reference.membership import read_question
from eqstream.data.space.conditions import in_answer_range, longest_digits
from eqstream.data.space.equation_block import EquationBlock
from eqstream.data.space.prepared_space import PreparedSpace, prepare_space
from eqstream.data.space.sections import Candidates
from eqstream.data.space.trees import rank_tree
from eqstream.equation import Equation, list_equations
from eqstream.recipes import as_recipe

# Equations that are computed together while one iterates.
_BLOCK = 1 << 12


class EquationSpace:
    """The equations of a recipe's space, numbered; none of them is stored, whatever the size.

    >>> space = EquationSpace("addition-3digit")
    >>> space.size
    1000000
    >>> print(space[37])
    0 + 37 = 37
    >>> space.index_of("31 + 87")
    31087
    >>> [str(equation) for equation in space[-2:]]
    ['999 + 998 = 1997', '999 + 999 = 1998']
    >>> "1000 + 1" in space
    False

    The order is by number of terms, then form and operators, then operands. Splits play no part in it.

    With division, or bounds on the answer, some indices have no equation: ``7 / 0``, say. `size` counts them, as only
    counting one by one could leave them out; slices and iteration skip them, and `space[index]` refuses them.

    Args:
        recipe: a recipe, the path of one, or the name of one that comes with eqstream.

    Raises:
        UserError: there is no such recipe, or it breaks a rule.
    """

    def __init__(self, recipe: Recipe | str | Path) -> None:
        self._name = as_recipe(recipe).name
        self._space: PreparedSpace = prepare_space(as_recipe(recipe).space)
        self._columns = ColumnEncoder(self._space)

    @property
    def size(self) -> int:
        """Number of indices, exact however large."""
        return self._space.whole.size

    def __len__(self) -> int:
        if self.size > sys.maxsize:
            raise OverflowError(f"the space has {self.size} indices, more than `len` can return: use `size`")
        return self.size

    def __bool__(self) -> bool:
        return self.size > 0

    def __repr__(self) -> str:
        return f"<EquationSpace {self._name}: {self.size:,} indices>"

    @overload
    def __getitem__(self, index: SupportsIndex) -> Equation: ...

    @overload
    def __getitem__(self, index: slice) -> list[Equation]: ...

    def __getitem__(self, index: SupportsIndex | slice) -> Equation | list[Equation]:
        """Returns the equation at an index, from 0 or, if negative, from the end; of a slice all that there are.

        Raises:
            IndexError: the index is not in the space.
            LookupError: it has no equation, as its answer is undefined or out of bounds.
        """
        if isinstance(index, slice):
            return list(self._equations(range(*index.indices(self.size))))
        place = operator.index(index)
        if not -self.size <= place < self.size:
            raise IndexError(f"index {place} is not in a space of {self.size}")
        for equation in self._equations([place % self.size]):
            return equation
        raise LookupError(f"index {place} of the space has no equation: its answer is undefined or out of bounds")

    def __iter__(self) -> Iterator[Equation]:
        return self._equations(range(self.size))

    def index_of(self, question: str | Equation) -> int:
        """Returns the index of a question, written with or without spaces, or of an equation; inverts `space[index]`.

        Raises:
            UserError: it is no equation, or not one of this space; says why.
        """
        text = question.question if isinstance(question, Equation) else question
        check_text("question", text)
        tree = parsing.parse(read_question(text, self._space.recipe).question)
        operands: list[int] = []
        size, number, operators = self._describe(tree, operands)
        shapes = self._space.shapes.by_terms[size]
        places = np.array([shapes.place_of(number, operators)], dtype=shapes.dtype)
        column = np.array(operands, dtype=index_dtype(self._space.operand_domain.bound))
        return int(self._space.whole.rank(shapes, places, column[:, None])[0])

    def __contains__(self, item: object) -> bool:
        """Returns whether a question, or an equation with its answer, is one of this space."""
        if not isinstance(item, (str, Equation)):
            return False
        text = item.question if isinstance(item, Equation) else item
        try:
            known = read_question(text, self._space.recipe)
        except ValueError:
            return False
        return isinstance(item, str) or item.answer == known.answer

    def _describe(self, tree: parsing.Tree, operands: list[int]) -> tuple[int, int, str]:
        """Returns number of operands, number of the tree, operators; appends the operands, in grid steps."""
        if isinstance(tree, parsing.Number):
            operands.append(int(tree.value * self._space.scale))
            return 1, 0, ""
        (left_size, left, before), (right_size, right, after) = (
            self._describe(side, operands) for side in (tree.left, tree.right)
        )
        number = int(rank_tree(left_size=left_size, left=left, right_size=right_size, right=right))
        return left_size + right_size, number, f"{before}{tree.operator}{after}"

    def _equations(self, indices: Iterable[int]) -> Iterator[Equation]:
        """Yields the equations at indices of the space, in the order of these, but for those that have none."""
        remaining = iter(indices)
        while block := list(islice(remaining, _BLOCK)):
            found: list[Equation | None] = [None] * len(block)
            for candidates in self._space.whole.locate(np.array(block, dtype=index_dtype(self.size))):
                rows, equations = self._evaluate(candidates)
                for row, equation in zip(rows.tolist(), equations, strict=True):
                    found[row] = equation
            yield from (equation for equation in found if equation is not None)

    def _evaluate(self, candidates: Candidates) -> tuple[np.ndarray, Iterator[Equation]]:
        """Returns the rows (n,) of candidates that have an equation, and these."""
        space = self._space
        operands = candidates.operands()
        answers = space.arithmetic.evaluate(candidates.columns(), operands)
        places = np.flatnonzero(answers.is_valid & in_answer_range(answers, space.recipe.answer))
        absent = [np.zeros_like(operands[0])] * (space.recipe.terms.max - len(operands))
        block = EquationBlock(
            shapes=space.shapes.numbers(candidates.section.shapes, candidates.shapes),
            operands=[*operands, *absent],
            numerators=answers.numerators,
            denominators=answers.denominators,
            carries=answers.carries,
            digits=longest_digits(operands, space.scale),
        )
        return candidates.rows[places], list_equations(self._columns.to_columns(block.take(places)))
