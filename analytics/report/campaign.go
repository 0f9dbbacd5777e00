package report

import "github.com/leadgate/leadgate/analytics/channel"

// campaigns brings the names and ids of campaigns together. Tags carry one or
// the other; costs usually carry both.
type campaigns struct {
	names  map[campaignKey]string // by id: the latest name
	dated  map[campaignKey]string // by id and day: the name of that day
	ids    map[campaignKey]string // by name: the id, "" where several share it
	shared map[campaignKey]bool   // names that several ids share
	byID   map[string]string      // by id alone, "" where platforms share it
}

// campaignKey is a name or an id at a platform; day only in dated.
type campaignKey struct{ platform, text, day string }

func newCampaigns(f facts) *campaigns {
	c := &campaigns{
		names: map[campaignKey]string{}, dated: map[campaignKey]string{}, ids: map[campaignKey]string{},
		shared: map[campaignKey]bool{}, byID: map[string]string{},
	}
	for _, known := range f.campaigns {
		platform := channel.Platform(known.source)
		c.names[campaignKey{platform, known.id, ""}] = named(known.name, known.id)
		if _, twice := c.byID[known.id]; twice {
			platform = ""
		}
		c.byID[known.id] = platform
		c.addName(channel.Platform(known.source), known.name, known.id)
	}
	for _, cost := range f.costs {
		if cost.campaignID != "" {
			platform := channel.Platform(cost.source)
			c.dated[campaignKey{platform, cost.campaignID, cost.day}] = named(cost.campaign, cost.campaignID)
			c.addName(platform, cost.campaign, cost.campaignID)
		}
	}
	return c
}

func (c *campaigns) addName(platform, name, id string) {
	key := campaignKey{platform, named(name, id), ""}
	if old, known := c.ids[key]; known && old != id {
		c.shared[key] = true
	}
	c.ids[key] = id
}

// named calls a campaign without a name by its id.
func named(name, id string) string {
	if name == "" {
		return id
	}
	return name
}

// resolve gives every fact both the name and the id of its campaign, as far
// as they are known.
func (c *campaigns) resolve(f facts) {
	for i := range f.costs {
		f.costs[i].campaign = named(f.costs[i].campaign, f.costs[i].campaignID)
	}
	for i := range f.touches {
		c.complete(&f.touches[i].cell)
	}
	for _, leads := range [][]leadFact{f.leads, f.sales} {
		for i := range leads {
			c.complete(&leads[i].cell)
		}
	}
}

// complete does so for a tagged cell: its campaign is a name or an id as the
// tag had it; its campaignID, if any, is what the ad platform told.
func (c *campaigns) complete(to *cell) {
	platform := channel.Platform(to.source)
	if to.campaignID == "" {
		if name, ok := c.nameOf(platform, to.campaign, to.day); ok {
			to.campaign, to.campaignID = name, to.campaign
			to.regroup()
			return
		}
		key := campaignKey{platform, to.campaign, ""}
		if to.campaign != "" && !c.shared[key] {
			to.campaignID = c.ids[key]
		}
		return
	}
	// The platform's own id is certain; it also says which platform it was.
	name, ok := c.nameOf(platform, to.campaignID, to.day)
	if other := c.byID[to.campaignID]; !ok && other != "" {
		name, ok = c.nameOf(other, to.campaignID, to.day)
	}
	switch {
	case ok:
		to.campaign = name
		to.regroup()
	case to.campaign == "":
		to.campaign = to.campaignID
	}
}

// regroup finds the channel anew now that the campaign's name is known: some
// rules go by it, and the cost was grouped by it.
func (c *cell) regroup() {
	c.channel = channel.Classify(c.source, c.medium, c.campaign, nil, "", "").Channel
}

func (c *campaigns) nameOf(platform, id, day string) (string, bool) {
	if id == "" {
		return "", false
	}
	if name, ok := c.dated[campaignKey{platform, id, day}]; ok {
		return name, true
	}
	name, ok := c.names[campaignKey{platform, id, ""}]
	return name, ok
}
