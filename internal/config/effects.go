package config

// noticeEffects says which directives of the files do nothing in this version.
func (l *loader) noticeEffects() {
	l.noticeGroups(globalGroups, nil)
	for _, p := range l.config.Pools {
		l.noticeGroups(poolGroups, p)
	}
}

func (l *loader) noticeGroups(groups []group, pool *Pool) {
	s := section{global: &l.config.Global, pool: pool}
	for _, g := range groups {
		for _, d := range g.directives {
			if m, ok := s.given().values[d.name]; ok && !d.isStandard(&s) {
				l.noticeEffect(d.name, d.effect, d.reason, pool, m.at)
			}
		}
		for _, row := range g.lists {
			if at, ok := s.given().at[row.name]; ok {
				l.noticeEffect(row.name, row.effect, "", pool, at)
			}
		}
	}
}

func (l *loader) noticeEffect(name string, e effect, reason string, pool *Pool, at place) {
	text := "'" + name + "' is accepted but has no effect"
	switch e {
	case effective:
		return
	case notYet:
		text += " yet"
	case unneeded:
		text += ": " + reason
	}
	if pool != nil {
		text = "[pool " + pool.Name + "] " + text
	}
	l.notice(at, NoticeLevel, pool, text)
}
