"""EdgeKiln: trained TensorFlow models onto edge boxes, proven on the runtime the box has."""

__version__ = "0.1.0"
