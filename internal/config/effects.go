package config

// noticeEffects says which directives of the files do nothing. In php-fpm's
// place it does not: nothing is missing, and php-fpm has no such lines.
func (l *loader) noticeEffects() {
	if l.opt.PHP {
		return
	}
	l.noticeGroups(globalGroups, nil)
	for _, p := range l.config.Pools {
		l.noticeGroups(poolGroups, p)
	}
}

func (l *loader) noticeGroups(groups []group, pool *Pool) {
	s := section{global: &l.config.Global, pool: pool}
	for _, g := range groups {
		for _, d := range g.directives {
			m, given := s.given().values[d.name]
			if !given || d.unneeded == "" || d.isStandard(&s) {
				continue
			}
			text := "'" + d.name + "' is accepted but has no effect: " + d.unneeded
			if pool != nil {
				text = "[pool " + pool.Name + "] " + text
			}
			l.notice(m.at, NoticeLevel, pool, text)
		}
	}
}
