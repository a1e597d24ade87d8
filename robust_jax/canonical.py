def canonicalize(f): return f
def canonicalize_on_cpu(f): return f
