"""Operations on the system: health, queue, machines' tokens, signed downloads, metrics."""
