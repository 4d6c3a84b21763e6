import numpy as np

from eqstream.seq2seq.analysis.agreement import AgreementTally
from eqstream.seq2seq.analysis.breakdown import GroupCount
from eqstream.seq2seq.models.decoding import Vote


def test_questions_are_counted_by_how_many_orders_agree():
    tally = AgreementTally()
    pairs = [(5, 5), (2, 5), (2, 4), (3, 5), (1, 1), (2, 2)]
    votes = [Vote(asked="1 + 2", num_orders=orders, num_agreeing=agreeing) for agreeing, orders in pairs]
    tally.add(votes[:3], np.array([True, False, True]))
    tally.add(votes[3:], np.array([True, True, False]))
    assert tally.tables() == {
        "orders": (
            GroupCount(value="all orders agree", num_examples=2, num_right=1),
            GroupCount(value="more than half agree", num_examples=1, num_right=1),
            GroupCount(value="half or fewer agree", num_examples=2, num_right=1),
            GroupCount(value="there is one order", num_examples=1, num_right=1),
        )
    }


def test_questions_that_are_asked_as_they_are_have_no_table():
    tally = AgreementTally()
    tally.add((), np.array([True, False]))
    assert tally.tables() == {}
