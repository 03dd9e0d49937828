"""Films: grown from the vapour, melted and cooled on their substrate, struck by single particles."""
