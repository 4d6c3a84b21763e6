from eqstream.data.sampling import Balance


def test_weights_of_kinds_are_shares_of_each_other_whole_or_not():
    whole = Balance(balance=("terms",), weights={"terms": {"2": 6, "3": 1, "4": 4}})
    parts = Balance(balance=("terms",), weights={"terms": {"2": 1.5, "3": "0.25"}})
    assert [whole.weight("terms", kind) for kind in "2345"] == [6, 1, 4, 1]
    assert [parts.weight("terms", kind) for kind in "2345"] == [6, 1, 4, 4]
    assert parts.weight("digits", "1") == 1
