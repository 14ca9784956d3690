"""The same model in other languages: JavaScript, XMILE, a page of equations. Nothing is ported by hand."""
