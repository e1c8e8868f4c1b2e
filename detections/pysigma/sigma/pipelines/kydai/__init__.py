"""The plugin by which pySigma and sigma-cli find our pipeline: ``sigma convert -t lucene -p kydai``.

pySigma takes a folder of that name for pipelines, and there is one where our sources are: a name that it knows comes
first here, as its own documentation says.
"""

from pathlib import Path

from sigma.processing.pipeline import ProcessingPipeline
from sigma.processing.resolver import ProcessingPipelineResolver

from detections.sigma_pipeline import kydai

__all__ = ["kydai"]

_resolve = ProcessingPipelineResolver.resolve


def _names_first(
    self: ProcessingPipelineResolver, pipeline_specs: list[str], target: str | None = None
) -> ProcessingPipeline:
    names = {spec: f"{spec} (by name)" for spec in pipeline_specs if spec in self.pipelines and Path(spec).is_dir()}
    self.pipelines |= {name: self.pipelines[spec] for spec, name in names.items()}
    return _resolve(self, [names.get(spec, spec) for spec in pipeline_specs], target)


ProcessingPipelineResolver.resolve = _names_first  # type: ignore[method-assign]
