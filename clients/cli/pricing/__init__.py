"""Commands of prices and the models behind them.

`quotes` asks for one and checks it, `quote_story` tells it in words, `quote_book` prices all that a
programme could buy; `models` has the lateness models, `model_checks` whether they are what they say
(`model_files` reads them).
"""
