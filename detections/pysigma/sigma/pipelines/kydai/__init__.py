"""The plugin by which pySigma and sigma-cli find our pipeline: ``sigma convert -t lucene -p kydai``."""

from detections.sigma_pipeline import kydai

__all__ = ["kydai"]
