"""What holds of every page, asked of a browser that shows it."""

from __future__ import annotations

from typing import Any

from tests.tasks.browser import Browser

UNFOLD = "document.querySelectorAll('details').forEach(d => { d.open = true })"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def weak_texts(chromium: Browser) -> list[str]:
    """Texts that stand out less than WCAG AA asks: 4.5 : 1, large ones 3 : 1; with what they do."""
    return chromium.ask(_CONTRAST)


def charts(chromium: Browser) -> list[dict[str, Any]]:
    """Every drawing with a table behind it: its file, the marks and notes in its panels, the table's rows."""
    return chromium.ask(_CHARTS)


def hidden_in_print(chromium: Browser) -> list[str]:
    """What is folded away on paper and does not say so."""
    return chromium.ask(_HIDDEN)


_CONTRAST = """(() => {
  const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
    .map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const bad = [];
  for (const e of document.querySelectorAll('body *')) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    const style = getComputedStyle(e), size = parseFloat(style.fontSize);
    const enough = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
    const [a, b] = [light(parse(style.color)), light(behind(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < enough) bad.push(`${e.tagName}.${e.className} ${ratio.toFixed(2)}`);
  }
  return [...new Set(bad)];
})()"""
_CHARTS = """[...document.querySelectorAll('figure')].map(figure => {
  const [image, link] = [figure.querySelector('img'), figure.querySelector('a.file')];
  const text = uri => decodeURIComponent(uri.slice(uri.indexOf(',') + 1));
  if (!link || !image.src.startsWith('data:image/svg+xml,')) return null;
  const drawing = new DOMParser().parseFromString(text(image.src), 'image/svg+xml');
  const shape = use => drawing.getElementById(use.getAttribute('xlink:href').slice(1)).getAttribute('d');
  // A mark is a closed shape; ends of bars and ticks of axes are strokes. Legends show marks of no data.
  const marks = [...drawing.querySelectorAll('use')]
    .filter(use => /z\\s*$/.test(shape(use)) && !use.closest('g[id^=legend]'));
  const notes = [...drawing.querySelectorAll('text')].filter(t => t.textContent.startsWith('shuffled'));
  const rows = text(link.href).trim().split('\\n').length - 1;
  return {file: link.download, marks: marks.length, notes: notes.length, rows};
}).filter(Boolean)"""
_HIDDEN = """[...document.querySelectorAll('details')].filter(d => {
  const body = d.querySelector('.body, pre');
  const shown = body.checkVisibility() && body.getBoundingClientRect().height > 0;
  const says = getComputedStyle(d.querySelector('summary'), '::after').content.includes('on the screen');
  return !shown && !says;
}).map(d => d.querySelector('summary').textContent)"""
