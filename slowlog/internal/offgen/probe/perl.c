/* Prints where perl keeps what a Perl stack needs. Compile against the headers
   of the build in question: $(perl -MExtUtils::Embed -e ccopts) */
#include <EXTERN.h>
#include <perl.h>
#include <stddef.h>
#include <stdio.h>

#define FIELD(type, field) printf("%s.%s %zu\n", #type, #field, offsetof(type, field))
#define VALUE(name) printf("%s %lu\n", #name, (unsigned long)(name))

int main(void) {
#ifdef MULTIPLICITY
	FIELD(PerlInterpreter, Icurcop);
	FIELD(PerlInterpreter, Icurstackinfo);
#endif
	FIELD(PERL_SI, si_cxstack);
	FIELD(PERL_SI, si_prev);
	FIELD(PERL_SI, si_cxix);
	FIELD(PERL_SI, si_cxmax);
	FIELD(PERL_SI, si_type);
	printf("sizeof(PERL_CONTEXT) %zu\n", sizeof(PERL_CONTEXT));
	FIELD(PERL_CONTEXT, cx_u.cx_blk.blku_oldcop);
	FIELD(PERL_CONTEXT, cx_u.cx_blk.blk_u.blku_sub.cv);
	FIELD(PERL_CONTEXT, cx_u.cx_blk.blk_u.blku_sub.olddepth);
	FIELD(PERL_CONTEXT, cx_u.cx_blk.blk_u.blku_eval.old_namesv);
	FIELD(COP, cop_line);
#ifdef USE_ITHREADS
	FIELD(COP, cop_file);
#else
	FIELD(COP, cop_filegv);
#endif
	FIELD(SV, sv_any);
	FIELD(SV, sv_flags);
	FIELD(SV, sv_u);
	FIELD(XPVCV, xcv_flags);
	FIELD(XPVCV, xcv_depth);
	FIELD(XPVCV, xcv_gv_u);
	FIELD(XPVCV, xcv_stash);
	FIELD(XPVGV, xnv_u.xgv_stash);
	FIELD(XPVGV, xiv_u.xivu_namehek);
	FIELD(GP, gp_sv);
	FIELD(HEK, hek_len);
	FIELD(HEK, hek_key);
	FIELD(struct xpvhv, xhv_max);
	FIELD(struct xpvhv_aux, xhv_name_u);
	FIELD(struct xpvhv_aux, xhv_name_count);
#if PERL_VERSION >= 36
	FIELD(struct xpvhv_with_aux, xhv_aux);
#endif
	VALUE(CXTYPEMASK);
	VALUE(CXt_SUB);
	VALUE(CXt_FORMAT);
	VALUE(CXt_EVAL);
	VALUE(CXp_TRYBLOCK);
	VALUE(CVf_NAMED);
	VALUE(PERLSI_MAIN);
	VALUE(SVTYPEMASK);
	VALUE(SVt_PVGV);
	VALUE(SVt_PVHV);
	VALUE(SVt_PVCV);
	VALUE(SVt_PVFM);
#ifdef SVf_OOK
	VALUE(SVf_OOK);
#endif
#ifdef SVphv_HasAUX
	VALUE(SVphv_HasAUX);
#endif
	return 0;
}
