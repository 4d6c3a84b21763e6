"""Shares in per cent, the same in what a training says, in reports and in pictures."""


def share_text(share: float, *, decimals: int = 4) -> str:
    """Returns a share in per cent, rounded; but only all is 100%, and only nothing is 0%.

    >>> share_text(0.5), share_text(0.99999999), share_text(1e-9), share_text(1)
    ('50.0000%', '<100%', '>0%', '100%')
    >>> share_text(1 / 24, decimals=1), share_text(0.9996, decimals=1)
    ('4.2%', '<100%')
    """
    if share in (0, 1):
        return f"{share:.0%}"
    text = f"{share:.{decimals}%}"
    return {f"{share:.{decimals}%}": limit for share, limit in ((1, "<100%"), (0, ">0%"))}.get(text, text)
