// Facets of std::locale that the one-file program never asks for: their tables of virtual functions, instead of libstdc++'s.
// Not those that streams of plain characters use: ctype, num_get, num_put, numpunct, codecvt, collate.
//
// Whoever links a stream of libstdc++.a gets all facets, since the classic locale makes one of each: 0.37 MB of code that
// reads and writes money, dates and wide characters for nobody. libstdc++'s tables are weak symbols, so these take their
// place, and what only those name stays out. Each is the table of a facet of no kind: std::has_facet says that there is
// none, and std::use_facet throws std::bad_cast, as both do of a locale without that facet.
	.section .data.rel.ro, "aw"
	.balign 8
	.macro facet name
	.globl \name
\name:
	.endm

// amounts of money
	facet _ZTVNSt7__cxx1110moneypunctIcLb0EEE
	facet _ZTVNSt7__cxx1110moneypunctIcLb1EEE
	facet _ZTVNSt7__cxx1110moneypunctIwLb0EEE
	facet _ZTVNSt7__cxx1110moneypunctIwLb1EEE
	facet _ZTVNSt7__cxx119money_getIcSt19istreambuf_iteratorIcSt11char_traitsIcEEEE
	facet _ZTVNSt7__cxx119money_getIwSt19istreambuf_iteratorIwSt11char_traitsIwEEEE
	facet _ZTVNSt7__cxx119money_putIcSt19ostreambuf_iteratorIcSt11char_traitsIcEEEE
	facet _ZTVNSt7__cxx119money_putIwSt19ostreambuf_iteratorIwSt11char_traitsIwEEEE
	facet _ZTVSt10moneypunctIcLb0EE
	facet _ZTVSt10moneypunctIcLb1EE
	facet _ZTVSt10moneypunctIwLb0EE
	facet _ZTVSt10moneypunctIwLb1EE
	facet _ZTVSt9money_getIcSt19istreambuf_iteratorIcSt11char_traitsIcEEE
	facet _ZTVSt9money_getIwSt19istreambuf_iteratorIwSt11char_traitsIwEEE
	facet _ZTVSt9money_putIcSt19ostreambuf_iteratorIcSt11char_traitsIcEEE
	facet _ZTVSt9money_putIwSt19ostreambuf_iteratorIwSt11char_traitsIwEEE

// dates
	facet _ZTVNSt7__cxx118time_getIcSt19istreambuf_iteratorIcSt11char_traitsIcEEEE
	facet _ZTVNSt7__cxx118time_getIwSt19istreambuf_iteratorIwSt11char_traitsIwEEEE
	facet _ZTVSt11__timepunctIcE
	facet _ZTVSt11__timepunctIwE
	facet _ZTVSt8time_getIcSt19istreambuf_iteratorIcSt11char_traitsIcEEE
	facet _ZTVSt8time_getIwSt19istreambuf_iteratorIwSt11char_traitsIwEEE
	facet _ZTVSt8time_putIcSt19ostreambuf_iteratorIcSt11char_traitsIcEEE
	facet _ZTVSt8time_putIwSt19ostreambuf_iteratorIwSt11char_traitsIwEEE

// catalogs of messages
	facet _ZTVNSt7__cxx118messagesIcEE
	facet _ZTVNSt7__cxx118messagesIwEE
	facet _ZTVSt8messagesIcE
	facet _ZTVSt8messagesIwE

// wide characters
	facet _ZTVNSt7__cxx117collateIwEE
	facet _ZTVNSt7__cxx118numpunctIwEE
	facet _ZTVSt7codecvtIwc11__mbstate_tE
	facet _ZTVSt7collateIwE
	facet _ZTVSt7num_getIwSt19istreambuf_iteratorIwSt11char_traitsIwEEE
	facet _ZTVSt7num_putIwSt19ostreambuf_iteratorIwSt11char_traitsIwEEE
	facet _ZTVSt8numpunctIwE

	.quad 0, _ZTINSt6locale5facetE // where the object begins, and that it is a std::locale::facet
	.fill 32, 8, 0 // more than any of them has virtual functions
	.section .note.GNU-stack, "", %progbits
