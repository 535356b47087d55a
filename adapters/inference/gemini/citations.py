"""What an answer rests on, as OpenAI's annotations.

https://ai.google.dev/gemini-api/docs/google-search#attributing_sources_with_inline_citations
"""

from typing import Any

from adapters.inference.gemini.schema import Citation, CitationMetadata, GroundingMetadata, Segment, Source


def annotations_of(
    texts: list[str], grounding: GroundingMetadata | None, citations: CitationMetadata | None
) -> list[dict[str, Any]]:
    """A `url_citation` for every source of every segment; one that belongs to no segment stands at 0.

    `texts` are the parts of the answer. Gemini counts in bytes of a part, OpenAI in characters of the whole.
    """
    found = _grounded(texts, grounding) if grounding is not None else []
    if citations is not None:
        for each in citations.citations or citations.citation_sources or ():
            found += _cited(texts, each)
    return found


def _grounded(texts: list[str], grounding: GroundingMetadata) -> list[dict[str, Any]]:
    sources = [chunk.source for chunk in grounding.grounding_chunks or ()]
    found = []
    supported = set()
    for support in grounding.grounding_supports or ():
        start, end = _characters(texts, support.segment or Segment())
        for place in support.grounding_chunk_indices or ():
            source = sources[place] if 0 <= place < len(sources) else None
            if source is not None:
                supported.add(place)
                found.append(_annotation(source, start, end))
    return found + [_annotation(each, 0, 0) for place, each in enumerate(sources) if each and place not in supported]


def _cited(texts: list[str], citation: Citation) -> list[dict[str, Any]]:
    if not citation.uri:
        return []
    segment = Segment(start_index=citation.start_index, end_index=citation.end_index)
    return [_annotation(Source(uri=citation.uri, title=citation.title), *_characters(texts, segment))]


def _characters(texts: list[str], segment: Segment) -> tuple[int, int]:
    """Where a segment starts and ends in the whole text."""
    whole = "".join(texts).encode()
    before = "".join(texts[: segment.part_index or 0]).encode()
    start = len(before) + (segment.start_index or 0)
    end = len(before) + (segment.end_index or 0)
    return len(whole[:start].decode(errors="ignore")), len(whole[:end].decode(errors="ignore"))


def _annotation(source: Source, start: int, end: int) -> dict[str, Any]:
    url = source.uri or source.source_uri or ""
    cited = {"start_index": start, "end_index": end, "url": url, "title": source.title or ""}
    return {"type": "url_citation", "url_citation": cited}
