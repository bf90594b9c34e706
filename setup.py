"""Which packages the distribution has; all else stands in pyproject.toml, which cannot say this of several folders."""

from setuptools import find_packages, setup

# In a checkout these stand at its top, in the wheel within the packages (windlass.effects.packaged finds both).
ALONG = ["windlass.dags", "windlass.include", "windlass_lab.recipes.image", "windlass_lab.recipes.vm"]

setup(packages=[*find_packages("plugins"), *find_packages("lab"), *ALONG])
