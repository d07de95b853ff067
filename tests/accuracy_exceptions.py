"""What is worse than 4 units in the last place: how much it may be, and why it is."""

LOST = 1e17  # no digit of the result need be right

NEAR_ZERO = "its terms cancel near its zero"
HOT = "computed from the output alone, for speed; the absolute error is below 3e-16"
DIFFERENCE = "a - b is rounded before the exponential"

EXCEPTIONS: dict[tuple[str, str], tuple[float, str]] = {
    ("logaddexp", "value"): (LOST, f"NumPy's: {NEAR_ZERO}"),
    ("logaddexp", "derivative in 0"): (1000.0, DIFFERENCE),
    ("logaddexp", "derivative in 1"): (1000.0, DIFFERENCE),
    ("logaddexp2", "value"): (LOST, f"NumPy's: {NEAR_ZERO}"),
    ("logaddexp2", "derivative in 0"): (2000.0, DIFFERENCE),
    ("logaddexp2", "derivative in 1"): (2000.0, DIFFERENCE),
    ("elu", "derivative in 0"): (1e5, "the exponential in it is subnormal where x < -708"),
    ("tanh", "derivative"): (LOST, HOT),
    ("sigmoid", "derivative"): (LOST, HOT),
    ("sinc", "value"): (float("inf"), "NumPy's: pi * x is rounded before the sine"),
    ("sinc", "derivative"): (float("inf"), "pi * x is rounded before the sine and the cosine"),
    ("erfcx", "value"): (2000.0, "SciPy's: exp(x * x) where x is negative"),
    ("erfcx", "derivative"): (2000.0, "its terms cancel below x = 10"),
    ("rel_entr", "value"): (LOST, NEAR_ZERO),
    ("rel_entr", "derivative in 0"): (1e10, "x / y is rounded where it is subnormal"),
    ("sinc (|x| < 0.9)", "value"): (20.0, "NumPy's: pi * x is rounded before the sine"),
    ("i1e", "value"): (12.0, "SciPy's"),
    ("i1e", "derivative"): (3000.0, "its terms cancel, the more the larger x is"),
    ("betaln", "value"): (LOST, f"SciPy's: {NEAR_ZERO}"),
    ("betaln", "derivative in 0"): (10.0, "two digamma functions are subtracted"),
    ("betaln", "derivative in 1"): (10.0, "two digamma functions are subtracted"),
    ("silu", "value"): (1e5, "the sigmoid in it is subnormal where x < -708"),
    ("mish", "value"): (1e5, "the softplus in it is subnormal where x < -708"),
    ("silu", "derivative"): (LOST, NEAR_ZERO),
    ("mish", "derivative"): (LOST, NEAR_ZERO),
    ("gelu", "value"): (1500.0, "x / sqrt(2) is rounded before erfc, in the far left tail"),
    ("gelu", "derivative"): (LOST, NEAR_ZERO),
}
