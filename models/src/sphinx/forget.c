/*
 * The acoustic scorer starts each frame from the codewords that were best in the frame before, and
 * for the first frame of an utterance that is the last utterance's last frame. Where two codewords
 * score alike, the order then depends on what was recognised before. hark promises that the same
 * samples give the same words, so this puts the scorer's memory back to what it is after loading.
 * The public API has no call for it.
 */
#include <string.h>

#include "pocketsphinx_internal.h"
#include "acmod.h"
#include "ptm_mgau.h"
#include "tied_mgau_common.h"

/* Returns 0, or -1 if the acoustic model is not of the kind whose memory is known here. */
int
hark_sphinx_forget(ps_decoder_t *decoder)
{
    ps_mgau_t *mgau = decoder->acmod->mgau;
    ptm_mgau_t *scorer = (ptm_mgau_t *)mgau;
    int frame, codebook, feature, rank;

    if (strcmp(mgau->vt->name, "ptm") != 0)
        return -1;
    for (frame = 0; frame < scorer->n_fast_hist; ++frame) {
        ptm_fast_eval_t *past = scorer->hist + frame;
        for (codebook = 0; codebook < scorer->g->n_mgau; ++codebook)
            for (feature = 0; feature < scorer->g->n_feat; ++feature)
                for (rank = 0; rank < scorer->max_topn; ++rank) {
                    past->topn[codebook][feature][rank].cw = rank;
                    past->topn[codebook][feature][rank].score = WORST_DIST;
                }
        bitvec_set_all(past->mgau_active, scorer->g->n_mgau);
    }
    return 0;
}
