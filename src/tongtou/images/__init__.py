"""From a drawing or a photo of a handwritten digit to 28×28 pixels as MNIST has them."""

from tongtou.images.digit import Digit, Step, to_digit

__all__ = ["Digit", "Step", "to_digit"]
