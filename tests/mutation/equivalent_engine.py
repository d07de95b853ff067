"""Mutants of the engine that change nothing that anybody could see, and why."""

# ruff: noqa: E501 - a mutant is named by the code it changes

_REASONS: dict[str, list[str]] = {
    'only a signal in the one moment could tell': [
        "forms.succeeds: kind(call) != 'python' and call.form != ('lanes', False) -> kind(call) != 'python'",
        "forms.succeeds: ('lanes', False) -> (False,)",
        "forms.succeeds: ('lanes', False) -> ('lanes',)",
        'walkers.PythonWalker.__init__: type(row[0]) is Tiles -> type(row[0]) is not Tiles',
        'walkers.called: if function is select: flags, *args = args return (partial(np.posit... -> pass',
    ],
    'only says which of two ways is taken, and both give the same numbers': [
        "forms._kind: real and y.dtype.kind in 'biufc' -> y.dtype.kind in 'biufc'",
        'table.Made.__init__: if next(ducks_in((nested, call.params)), None) is None: self.getter... -> pass',
        'table.Made.__init__: (nested, call.params) -> (call.params, nested)',
        'table.Table._reduce: function == np.maximum.reduce and len(x.shape) == 2 and (1 < x.shap... -> function == np.maximum.reduce',
        'table._chooses: ufunc is np.maximum or ufunc is np.minimum -> ufunc is np.maximum',
        'native.NativeWalker._tiles: tiles.row > 1 and any((not own and type(x) is not int and x.shape f... -> tiles.row > 1 or any((not own and type(x) is not int and x.shape fo...',
        'native.NativeWalker._tiles: tiles.row > 1 and any((not own and type(x) is not int and x.shape f... -> tiles.row > 1',
        "numpy_executor.Plan._late: for place, x in recorded.reads if place.name == '_grad' -> for place, x in recorded.reads",
        'tiles._fits: 1 -> 2',
        'tiles.tile_shape: -size // entries -> -size * entries',
        'numpy_executor.Plan._late: y.nbytes > _SMALL -> y.nbytes >= _SMALL',
        'tiles.regions: [call] if call is not None and _fits(call) else [] -> []',
    ],
    "Python's integers are static; a result of another dtype than its loop's is converted": [
        'forms._loop: if not floats or (y.number and np.dtype(_PYTHON.get(dtypes[-1].kind... -> pass',
        'forms._loop: if y.number or any((_is_number(x) for x in call.args)): if not floa... -> pass',
        'forms._loop: not floats or (y.number and np.dtype(_PYTHON.get(dtypes[-1].kind, b... -> not floats and (y.number and np.dtype(_PYTHON.get(dtypes[-1].kind, ...',
    ],
    'a field that this kind of row does not use; a number that stands for before everything': [
        'memory.Memory.__init__: 1 -> 2 #4',
        'native.NativeWalker._tiles: 0 -> 1 #4',
        'native.NativeWalker._tiles: 0 -> 1 #15',
        'memory.Memory._outlived: 1 -> 2',
        'native.NativeWalker._tiles: 0 -> 1 #6',
    ],
    'what is only compared or looked up, in any order': [
        'memory.Memory._outlived: (self.views[call.result], self.views[before]) -> (self.views[before], self.views[call.result])',
        'walkers.PythonWalker.signature: (x.shape, x.dtype, x.strides) -> (x.shape, x.strides, x.dtype)',
        'compiled._signature: (x.shape, x.dtype, x.strides) -> (x.shape, x.strides, x.dtype)',
        'compiled._signature: (Node, _signature(x._held)) -> (_signature(x._held), Node)',
    ],
    'what is slower, or takes a little more memory, gives the same': [
        'table.Table._lanes: len(aside[k]) < len(x) -> len(aside[k]) <= len(x)',
        'lanes.Vector.__init__: self._place = {} -> pass',
        'lanes.Vector._column: float(xs[0]) if same else self._places(xs) -> self._places(xs)',
        'lanes._levels: 1 -> 2',
        'lanes._levels: repr(args[1]) if function is power else None -> None',
        'program.mapped: kind is float or kind is int or kind is np.ndarray -> kind is float and kind is int and (kind is np.ndarray)',
    ],
    'of no stores there are none, however many columns they have': [
        'boundary.Boundary.__init__: [(), (), ()] -> [(), ()] #2',
    ],
    'the operands of a product have one dtype': [
        'native.NativeWalker._matmul: (a.dtype, b.dtype, y.dtype) -> (b.dtype, a.dtype, y.dtype)',
    ],
    'the operands of a product have one dtype, native or not; this processor reads what is not aligned': [
        'native.NativeWalker._matmul: (a, b, y) -> (a, y)',
    ],
    'what is in a region is native, and its ufuncs have loops': [
        'native.NativeWalker._tiles: found is None or not all((type(x) is int or _is_plain(x) for x in a... -> found is None and (not all((type(x) is int or _is_plain(x) for x in...',
    ],
    'whatever is no container is known by its id at the end': [
        'passes._key: isinstance(x, Variable) or kind is np.ndarray -> isinstance(x, Variable)',
        'passes._key: id(x) -> x #2',
    ],
    'how the result of ceil lies, or whether there is one, changes no bit': [
        'passes.rectified: (y.strides, y.dense) -> (y.dense, y.strides)',
        'passes.rectified: y.shape and any(map(_is_zero, call.args)) -> any(map(_is_zero, call.args))',
    ],
    'an error comes sooner or later; nothing is written before it': [
        'passes.checks_first: moves_little(c) -> c',
        'passes.checks_first: is_draw(call) or not all((c in first or moves_little(c) for c in be... -> is_draw(call)',
    ],
    'a number for people to read': [
        "program.flops: if getattr(call.function, 'moves', call.name in ('pack', 'part')): ... -> pass",
    ],
    'a slice holds no symbol: its bounds are integers': [
        'arrays.ducks_in: (x.start, x.stop, x.step) -> (x.start, x.step, x.stop)',
        'arrays.ducks_in: if isinstance(x, slice): yield from ducks_in((x.start, x.stop, x.step)) -> pass',
    ],
    'done twice, for a signal can break off only one of them': [
        'compiled.Replay._drawing: consume(starmap(call, drawn)) -> pass',
        'compiled.Replay._drawing: consume(starmap(call, drawn)) -> pass #2',
    ],
    'operations that ran have a loop; TypeError is what NumPy raises where there is none, ValueError what it raised once': [
        'forms._resolved: (TypeError, ValueError) -> (ValueError,)',
    ],
    'what the next call reads is read later than now': [
        'memory.Memory._reused: 1 -> 2',
    ],
    "Python's integers are static": [
        'program.Variable.__init__: self.dtype is None or self.dtype.hasobject -> self.dtype is None',
    ],
}  # fmt: skip

EQUIVALENT: dict[str, str] = {name: reason for reason, names in _REASONS.items() for name in names}
