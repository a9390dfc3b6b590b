package sim

// Checkers returns every default checker for a world, which may run already. The order matters:
// those that compare what is with what was stand before the shadow, which forgets.
func Checkers(w *World) []Observer {
	s := newShadow(w)
	applied := newAppliedChecker(s)
	return []Observer{
		newDurabilityChecker(s),
		newVotesChecker(s),
		newMatchingChecker(s),
		s,
		newAppendOnlyChecker(s),
		newLeadersChecker(s),
		newProgressChecker(s),
		newMessagesChecker(s),
		newCommitChecker(s),
		newCompletenessChecker(s),
		applied,
		newAheadChecker(s),
		newDigestsChecker(s),
		newAcknowledgedChecker(s),
		newResultsChecker(applied),
		newOnceChecker(applied),
		newOrderChecker(s.w),
		newReadsChecker(applied),
		newBoundedChecker(s.w),
		newLinearizableChecker(s.w),
		newReplayChecker(applied),
		newInvariantChecker(s.w),
		newScriptChecker(applied),
		newResourcesChecker(s),
	}
}
