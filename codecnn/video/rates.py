"""Choose the frame rate of a source; it is only needed for kbit/s."""

from fractions import Fraction

DEFAULT_RATE = Fraction(30)
TOLERANCE = 0.0005  # 23.976 is the same as 24000/1001, 24 is another rate
LARGEST_DENOMINATOR = 1001  # of 30000/1001; encoders do not take long fractions


def choose_rate(stated: Fraction | None, option: Fraction | None = None, guess: Fraction | None = None) -> Fraction:
    """Return the rate that a source states, as a short fraction; else the user's, a guess, or 30.

    A rate that is not above 0 and at most 1000 is as good as none. The user's comes before one that is not a short
    fraction, such as the average of a variable rate, and before one that it only rounds.
    """
    for rate in (stated, guess):
        if rate is not None and 0 < rate <= 1000 and (short := rate.limit_denominator(LARGEST_DENOMINATOR)):
            if option is None or (rate is stated and short == rate and abs(option / short - 1) > TOLERANCE):
                return short
            return option
    return DEFAULT_RATE if option is None else option
