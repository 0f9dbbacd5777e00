module github.com/leadgate/leadgate

go 1.26.0
