"""A page to look into configurations: what is drawn, how it is packed, and the files of the page itself.

``page.html``, ``page.css`` and the scripts beside this file are put into one HTML file together with the data, in the
order of :data:`vitrify.analysis.report.view.page.SCRIPTS`. The page asks for nothing: no network, no library, no build.
"""
